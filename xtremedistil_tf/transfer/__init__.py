"""The transfer store: a teacher's outputs over the transfer set, on disk; begin with `format` and `writer`.

`making` computes one shard, `shards` writes and checks it, `hidden_states` keeps them small, `reader` reads; `text` and
`sampling` choose the text, `piece_states` sums the teacher's states for the student's embeddings, `ray_store`,
`ray_workers` and `ray_worker` write a store with a Ray cluster.
"""
