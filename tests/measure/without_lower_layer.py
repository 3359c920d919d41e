"""What the lower layer of a text encoder brings: `labelfix bench` as it is, but for that layer.

    python tests/measure/without_lower_layer.py run --plan real-noise --data-root DIR --out before --backbone FOLDER
    labelfix bench run --plan real-noise --data-root DIR --out after --backbone FOLDER

The arguments are those of `labelfix bench`; the second command has the layer.
"""

import sys

from labelfix.cli import run_process
from labelfix.models.text import encoder

if __name__ == "__main__":
    encoder.WIDEST = 0
    sys.argv[1:1] = ["bench"]
    run_process()
