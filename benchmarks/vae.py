"""MNIST of one bit, drawn anew at every step: bound and time of a VAE, and of the same dense network elsewhere.

    python benchmarks/vae.py --seconds 1800 --rows 1000      # ours alone, as users get it: bound on test pictures
    python benchmarks/vae.py --steps 1000 --against torch     # the same dense network, batch and steps in bare torch
    python benchmarks/vae.py --steps 1000 --against pythae    # and in pythae, where it is installed

Test pictures: the canonical 10,000, binarised once by `binarised_once(seed=0)`. The peers get the same layers, batch,
learning rate and number of steps, and Adam at a constant rate, which is what their loops do; ours has its own schedule
and averages weights. pythae draws no pictures anew: it trains on one drawing. All are scored by one draw of the same
bound on the same pictures. Files are the IDX files of MNIST, under `--data`.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from pofx.data.dataset import Data
from pofx.models.vae.binarised import binarised_once, fit_binarised
from pofx.models.vae.estimator import VAE
from pofx.models.vae.inspect import use_in_words
from pofx.models.vae.model import VAEModel
from pofx.spaces.image import Image
from pofx.training.plan import Plan

GREY = Image(1, 28, 28, 8)


def digits(folder: Path, name: str) -> Tensor:
    """Pictures of an IDX file, uint8 [n, 1, 28, 28]."""
    with gzip.open(folder / f"{name}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)
    return torch.from_numpy(pixels.copy()).reshape(-1, 1, 28, 28)


def ours(arguments: argparse.Namespace, train: Tensor, test: Tensor) -> tuple[float, float]:
    """Seconds of the fit, and the bound on the test pictures; against a peer the dense network that it gets."""
    names = ("latent", "hidden", "channels", "depth", "batch", "learning_rate", "levels", "flow", "samples", "average",
             "net", "precision", "steps")  # fmt: skip
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.against:
        given["net"] = "dense"
    estimator = VAE(**given)
    started = time.perf_counter()
    model = fit_binarised(estimator, Data(GREY, train), plan=Plan(arguments.seconds), seed=arguments.seed)
    seconds = time.perf_counter() - started
    assert isinstance(model, VAEModel)
    return seconds, say(model, test, seconds, arguments)


def say(model: VAEModel, test: Tensor, seconds: float, arguments: argparse.Namespace) -> float:
    """The bound, its two terms, and tighter ones on the first of the test pictures."""
    reconstruction, prior = (float(term.mean()) for term in model.terms(test, 0))
    print(
        f"pofx: {seconds:.0f} s, weights of step {model.recipe.steps}, bound {reconstruction - prior:.2f} nats "
        f"(reconstruction {reconstruction:.2f}, KL {prior:.2f}); "
        f"{model.free_parameters} parameters; {use_in_words(model, test[:2000])}",
        flush=True,
    )
    for draws, rows in ((64, arguments.rows), (1000, arguments.rows // 10)):
        started, some = time.perf_counter(), test[:rows]
        if rows:
            one, bound = (float(model.log_prob_bound(some, draws=k, seed=1).mean()) for k in (1, draws))
            took = time.perf_counter() - started
            print(f"  first {rows}: 1 draw {one:.2f}, {draws} draws {bound:.2f} nats, {took:.0f} s", flush=True)
    return reconstruction - prior


def compare(peer: str, mine: tuple[float, float], theirs: tuple[float, float]) -> None:
    """Both on one line; a ratio above one is ours that is slower."""
    print(
        f"pofx / {peer}: time ratio {mine[0] / theirs[0]:.2f}, bound {mine[1]:.2f} against {theirs[1]:.2f} nats",
        flush=True,
    )


def body(inputs: int, width: int) -> list[nn.Module]:
    """The hidden layers that ours has."""
    first = [nn.Linear(inputs, width), nn.LayerNorm(width), nn.SiLU()]
    return [*first, nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU()]


def bare(arguments: argparse.Namespace, train: Tensor, test: Tensor) -> tuple[float, float]:
    """The same layers, batch, rate and number of steps, written out."""
    torch.manual_seed(arguments.seed)
    width, latent = arguments.hidden, arguments.latent

    encoder = nn.Sequential(*body(784, width), nn.Linear(width, 2 * latent))
    decoder = nn.Sequential(*body(latent, width), nn.Linear(width, 784))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=arguments.learning_rate)
    grey = train.flatten(1)

    def terms(x: Tensor) -> Tensor:
        mean, log_scale = encoder(2 * x - 1).chunk(2, 1)
        z = mean + log_scale.exp() * torch.randn_like(mean)
        prior = 0.5 * (mean.square() + (2 * log_scale).exp() - 1) - log_scale
        return -softplus((1 - 2 * x) * decoder(z)).sum(1) - prior.sum(1)

    started = time.perf_counter()
    for step in range(arguments.steps):
        if step % (len(grey) // arguments.batch) == 0:
            order = torch.randperm(len(grey)).split(arguments.batch)
        rows = grey[order[step % (len(grey) // arguments.batch)]]
        loss = -terms((torch.rand(rows.shape) * 255 < rows).float()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    seconds = time.perf_counter() - started
    with torch.no_grad():
        bound = float(terms(test.flatten(1).float()).mean())
    print(f"bare torch: {seconds:.0f} s, {arguments.steps} steps, bound {bound:.2f} nats", flush=True)
    return seconds, bound


def pythae(arguments: argparse.Namespace, train: Tensor, test: Tensor) -> tuple[float, float]:
    """pythae's VAE with its own training loop; it has no dynamic binarisation, so it trains on one drawing."""
    import tempfile

    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE as Theirs
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    width, latent = arguments.hidden, arguments.latent

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), *body(784, width))
            self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)

        def forward(self, x: Tensor) -> ModelOutput:
            y = self.body(x)
            return ModelOutput(embedding=self.mean(y), log_covariance=self.log_variance(y))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*body(latent, width), nn.Linear(width, 784), nn.Sigmoid())

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z).reshape(-1, 1, 28, 28))

    torch.manual_seed(arguments.seed)
    n = len(train) // arguments.batch * arguments.batch
    pictures = binarised_once(train[:n], GREY, seed=1).float()
    epochs = max(1, round(arguments.steps / (n // arguments.batch)))
    model = Theirs(VAEConfig(input_dim=(1, 28, 28), latent_dim=latent, reconstruction_loss="bce"), Encoder(), Decoder())
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, learning_rate=arguments.learning_rate, no_cuda=True,
            per_device_train_batch_size=arguments.batch, per_device_eval_batch_size=arguments.batch,
        )  # fmt: skip
        labels = torch.zeros(n)
        trainer = BaseTrainer(model, BaseDataset(pictures, labels), training_config=config)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    model.eval()
    with torch.no_grad():
        losses = [float(model({"data": x}).loss) * len(x) for x in test.float().split(500)]
    steps = epochs * (n // arguments.batch)
    bound = -sum(losses) / len(test)
    print(f"pythae: {seconds:.0f} s, {steps} steps, bound {bound:.2f} nats", flush=True)
    return seconds, bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/images/mnist"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--against", choices=("torch", "pythae"))
    for name in ("latent", "hidden", "channels", "depth", "levels", "flow", "samples", "batch"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("learning-rate", "average"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--net", choices=("auto", "dense", "conv"))
    parser.add_argument("--precision", choices=("f32", "bf16"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--rows", type=int, default=0, help="test pictures for the bound with 64 draws, a tenth for 1,000"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train, test = digits(arguments.data, "train"), binarised_once(digits(arguments.data, "t10k"), GREY, seed=0)
    if arguments.against:
        for name, value in (("latent", 40), ("hidden", 400), ("batch", 256), ("learning_rate", 2e-3), ("steps", 1000)):
            if getattr(arguments, name) is None:
                setattr(arguments, name, value)
        peer = bare if arguments.against == "torch" else pythae
        compare(arguments.against, ours(arguments, train, test), peer(arguments, train, test))
    else:
        ours(arguments, train, test)


if __name__ == "__main__":
    main()
