"""Runs side by side get different cores while there are."""

from harness.engine.docker.cores import Cores


def test_side_by_side():
    cores = Cores(range(4))
    with cores.take(2) as first, cores.take(2) as second:
        assert first == (0, 1)
        assert second == (2, 3)
        with cores.take(1) as third:
            assert third == (0,)


def test_given_back():
    cores = Cores([5, 7])
    with cores.take(1) as first:
        assert first == (5,)
    with cores.take(1) as again:
        assert again == (5,)


def test_more_than_there_are():
    with Cores([3]).take(4) as taken:
        assert taken == (3,)
