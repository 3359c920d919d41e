"""What methods share that fit linear heads on fixed features."""
