"""Work on several machines: the transfer store on a Ray cluster."""
