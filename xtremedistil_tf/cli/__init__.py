"""The command line: flags made from the configuration classes, one module per root script."""
