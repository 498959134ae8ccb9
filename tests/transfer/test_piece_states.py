"""Mean states of the pieces against sums over the text, however the store was written."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.format import HIDDEN
from xtremedistil_tf.transfer.merge import merge_stores
from xtremedistil_tf.transfer.piece_states import PIECE_STATES_FILE, PieceStates, means, piece_states, summed


def expected(fake, text):
    """ids, counts, means: every occurrence in a loop."""
    sums: dict[int, list[np.ndarray]] = {}
    for example in text:
        ids = np.array([int(word) for word in example.words][:fake.seq_len])
        for piece, state in zip(ids, fake.hidden_states(ids)[:, -1]):
            sums.setdefault(int(piece), []).append(state)
    ids = sorted(sums)
    return ids, [len(sums[i]) for i in ids], np.stack([np.mean(sums[i], 0) for i in ids])


def check(found, wanted):
    ids, counts, states = wanted
    assert found.ids.tolist() == ids and found.counts.tolist() == counts
    np.testing.assert_allclose(found.states, states, rtol=2e-3, atol=2e-3)  # float16 in between


def test_a_store_keeps_the_mean_state_of_every_piece(fake, tmp_path):
    text = fake.sentences(170)
    store = fake.write(tmp_path, text, piece_states=True)
    check(piece_states(store), expected(fake, text))
    assert not list(store.glob(f"shard-*/{PIECE_STATES_FILE}"))


def test_stored_hidden_states_give_the_same(fake, tmp_path):
    text = fake.sentences(120)
    check(piece_states(fake.write(tmp_path / "a", text)), expected(fake, text))
    small = piece_states(fake.write(tmp_path / "b", text, hidden_components=8, hidden_dtype="int8"))
    scale = np.abs(expected(fake, text)[2]).max(0)
    assert (np.abs(small.states - expected(fake, text)[2]) < 0.05 * scale + 0.1).all()


def test_an_interrupted_store_goes_on_to_the_same_means(fake, tmp_path):
    text = fake.sentences(170)
    whole = piece_states(fake.write(tmp_path / "whole", text, piece_states=True))

    class Dies(fake.Teacher):
        shards = 0

        def predict(self, source):
            self.shards += 1
            if self.shards > 2:
                raise KeyboardInterrupt
            yield from super().predict(source)

    with pytest.raises(KeyboardInterrupt):
        fake.write(tmp_path / "part", text, Dies(), piece_states=True)
    found = piece_states(fake.write(tmp_path / "part", text, piece_states=True))
    for name in ("ids", "counts", "states"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_a_store_that_lost_its_means_is_written_again(fake, tmp_path):
    text = fake.sentences(60)
    store = fake.write(tmp_path, text, piece_states=True)
    (store / PIECE_STATES_FILE).unlink()
    check(piece_states(fake.write(tmp_path, text, piece_states=True)), expected(fake, text))
    (store / PIECE_STATES_FILE).write_bytes(b"PK broken")
    with pytest.raises(TransferStoreError, match=f"{PIECE_STATES_FILE}: not readable"):
        piece_states(store)


def test_merged_stores_have_the_means_over_both_texts(fake, tmp_path):
    parts = [fake.sentences(70, seed=1), fake.sentences(90, seed=2)]
    stores = [fake.write(tmp_path / str(i), text, piece_states=True, identity={"teacher": "fake", "text": str(i)})
              for i, text in enumerate(parts)]
    merge_stores(stores, tmp_path / "both")
    check(piece_states(tmp_path / "both"), expected(fake, parts[0] + parts[1]))


def test_pieces_without_a_counterpart_do_not_count():
    states = np.arange(8.0).reshape(4, 2)
    found = means([summed(np.array([5, 3, 5, 3]), states, np.array([1, 1, 1, 0]))])
    assert found.ids.tolist() == [3, 5] and found.counts.tolist() == [1, 2]
    np.testing.assert_allclose(found.states, [[2, 3], [2, 3]])
    nothing = summed(np.array([1, 2]), np.ones((2, 3)), np.zeros(2))
    assert isinstance(nothing, PieceStates) and nothing.states.shape == (0, 3)


def test_hidden_states_that_are_not_kept_are_not_there(fake, tmp_path):
    text = fake.sentences(20)
    store = fake.write(tmp_path / "a", text, piece_states=True, hidden=False)
    assert not (store / "shard-00000" / f"{HIDDEN}.npy").exists()
    check(piece_states(store), expected(fake, text))
    assert piece_states(fake.write(tmp_path / "b", text, hidden=False)) is None
