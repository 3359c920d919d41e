"""What judges a fit by trusted rows that it never saw: guarantee, noise rate, ledger, what to label next."""
