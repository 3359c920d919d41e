"""Other shares of the label terms that count where the row makes the label (`row_dependence.HEARD`): `labelfix bench`
with one of them.

    python tests/measure/heard.py 1 run --plan real-noise --data-root DIR --out before --backbone FOLDER --method mlc
    labelfix bench run --plan real-noise --data-root DIR --out after --backbone FOLDER --method mlc

After the share the arguments are those of `labelfix bench`; `mlc` has no pairs.
"""

import sys

from labelfix.cli import run_process
from labelfix.numerics import row_dependence

if __name__ == "__main__":
    row_dependence.HEARD = float(sys.argv.pop(1))
    sys.argv[1:1] = ["bench"]
    run_process()
