"""MNIST of one bit, drawn anew at every step: bound and time of a dense VAE, and of the same network elsewhere.

    python benchmarks/vae.py --seconds 240                    # ours alone: bound on the test pictures
    python benchmarks/vae.py --steps 1000 --against torch     # the same network, batch and steps in bare torch
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
LATENT, HIDDEN = 40, 400


def digits(folder: Path, name: str) -> Tensor:
    """Pictures of an IDX file, uint8 [n, 1, 28, 28]."""
    with gzip.open(folder / f"{name}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)
    return torch.from_numpy(pixels.copy()).reshape(-1, 1, 28, 28)


def ours(arguments: argparse.Namespace, train: Tensor, test: Tensor) -> VAEModel:
    extra = {} if arguments.steps is None else {"steps": arguments.steps}
    estimator = VAE(
        latent=arguments.latent, hidden=arguments.hidden, batch=arguments.batch, learning_rate=arguments.rate,
        levels=arguments.levels, flow=arguments.flow, samples=arguments.samples, average=arguments.average, **extra,
    )  # fmt: skip
    started = time.perf_counter()
    model = fit_binarised(estimator, Data(GREY, train), plan=Plan(arguments.seconds), seed=arguments.seed)
    seconds = time.perf_counter() - started
    say("pofx", model, test, seconds, arguments)
    return model


def say(who: str, model: VAEModel, test: Tensor, seconds: float, arguments: argparse.Namespace) -> None:
    steps = model.recipe.steps
    reconstruction, prior = model.terms(test, 0)
    print(
        f"{who}: {seconds:.0f} s, {steps} steps, bound {float((reconstruction - prior).mean()):.2f} nats "
        f"(reconstruction {float(reconstruction.mean()):.2f}, KL {float(prior.mean()):.2f}); "
        f"{model.free_parameters} parameters; {use_in_words(model, test[:2000])}",
        flush=True,
    )
    for draws, rows in ((64, arguments.rows), (1000, arguments.rows // 10)):
        started = time.perf_counter()
        some = test[: max(rows, 1)] if rows else test[:0]
        if len(some):
            bound = model.log_prob_bound(some, draws=draws, seed=1)
            one = model.log_prob_bound(some, draws=1, seed=1)
            took = time.perf_counter() - started
            print(
                f"  first {len(some)}: 1 draw {float(one.mean()):.2f}, {draws} draws {float(bound.mean()):.2f} nats, "
                f"{took:.0f} s",
                flush=True,
            )


def body(inputs: int, width: int) -> list[nn.Module]:
    """The hidden layers that ours has."""
    first = [nn.Linear(inputs, width), nn.LayerNorm(width), nn.SiLU()]
    return [*first, nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU()]


def bare(arguments: argparse.Namespace, train: Tensor, test: Tensor) -> None:
    """The same layers, batch, rate and number of steps, written out."""
    torch.manual_seed(arguments.seed)
    width, latent = arguments.hidden, arguments.latent

    encoder = nn.Sequential(*body(784, width), nn.Linear(width, 2 * latent))
    decoder = nn.Sequential(*body(latent, width), nn.Linear(width, 784))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=arguments.rate)
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


def pythae(arguments: argparse.Namespace, train: Tensor, test: Tensor) -> None:
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
            output_dir=folder, num_epochs=epochs, learning_rate=arguments.rate, no_cuda=True,
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
    print(f"pythae: {seconds:.0f} s, {steps} steps, bound {-sum(losses) / len(test):.2f} nats", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/images/mnist"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--against", choices=("torch", "pythae"))
    parser.add_argument("--latent", type=int, default=LATENT)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--levels", type=int, default=1)
    parser.add_argument("--flow", type=int, default=0)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--average", type=float, default=0.99)
    parser.add_argument(
        "--rows", type=int, default=0, help="test pictures for the bound with 64 draws, a tenth for 1,000"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, test = digits(arguments.data, "train"), binarised_once(digits(arguments.data, "t10k"), GREY, seed=0)
    if arguments.against == "torch":
        bare(arguments, train, test)
    elif arguments.against == "pythae":
        pythae(arguments, train, test)
    else:
        ours(arguments, train, test)


if __name__ == "__main__":
    main()
