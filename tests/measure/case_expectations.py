"""All expectations, by the number of their case."""

import case_found
import case_handed
import case_ids
import case_images
import case_labels
import case_made
import case_other_hands
import case_parquet
import case_strayed
import case_tables
import case_text_files
import case_texts
from case_asks import EXPECTATIONS, INPUTS, MADE

MODULES = (
    *(case_found, case_handed, case_ids, case_images, case_labels, case_made),
    *(case_other_hands, case_parquet, case_strayed, case_tables, case_text_files, case_texts),
)

__all__ = ["EXPECTATIONS", "INPUTS", "MADE", "MODULES"]
