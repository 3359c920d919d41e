"""`labelfix report`: a run as one HTML file that opens anywhere, from disk, with no network."""
