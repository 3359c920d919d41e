"""How many labels are wrong as they would be exported, proven from rows that a person reads."""
