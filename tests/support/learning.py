"""What trials of fakes do that train: a program for a `HomeOfFakes`."""

from collections.abc import Iterator

from tuner.engine.fake_container import FakeContainer


def learn(run: FakeContainer) -> Iterator[None]:
    """Two epochs, the better the nearer the learning rate is to 0.2, which is 0.3 where none is given; a model."""
    quality = 1 - abs(float(run.hyperparameters.get("learning_rate", "0.3")) - 0.2)
    for epoch in (1, 2):
        run.print(f"[Epoch {epoch}] validation: accuracy={quality * epoch / 2:.6f}")
        yield
    run.write_model()
