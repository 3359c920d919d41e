"""Label columns: classes, spellings, checks, noise and how much of it there is."""
