"""Answers of people that come back from annotation tools, spreadsheets and `labelfix review`, read as trusted rows."""
