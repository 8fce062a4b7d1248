"""How good: statistics over people, a feature space, samples from the latent."""
