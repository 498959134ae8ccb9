"""Teachers: loading any pre-trained encoder, fine-tuning it once, predicting with it, its word embeddings."""
