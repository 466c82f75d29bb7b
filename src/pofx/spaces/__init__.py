"""What one outcome is, and the measure its probability is taken against."""
