"""The page on which one tries the model: one HTML document that needs nothing but the server."""
