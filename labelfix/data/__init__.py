"""Reading, joining and splitting tables."""
