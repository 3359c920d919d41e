"""`labelfix review`: a page on this machine where people decide about rows."""
