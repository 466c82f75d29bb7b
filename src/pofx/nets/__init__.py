"""Networks: they import torch only."""
