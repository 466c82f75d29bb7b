"""Pictures pixel by pixel: gated PixelCNN, and the law, model and fit that it shares with pixel recurrent networks."""
