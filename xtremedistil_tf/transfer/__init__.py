"""The transfer store: a teacher's outputs over the transfer set, on disk; begin with `format` and `writer`.

`writer` finds the shards that are missing, `making` computes one, `shards` puts it on disk and checks it,
`hidden_states` keeps them small, `reader` reads; `text` and `sampling` choose the text, `piece_states` sums the
teacher's states for the student's embeddings, `ray_store`, `ray_workers` and `ray_worker` write a store with a Ray
cluster.
"""
