"""A device beside the CPU comes to what the CPU comes to: on the stand-in, and on a GPU where there is one.

On a GPU sums are in another order, and what is unstable in twenty steps shows; so tolerances there are relative to how
far the weights have moved, and wide for bfloat16.
"""

import socket

import pytest
import torch
import torch.distributed as dist
from killed_checkpoints import Killed, KilledAfter
from small_problems import of_pictures, small_problem
from training_paths import ON_A_GPU, PATHS, fit, weights_of

from labelfix.compute import cuda_graph, ranks
from labelfix.methods.mlc import paper
from labelfix.methods.mlc.paper import MlcTraining, make_mlc_plan
from labelfix.methods.mlc.published import PublishedTrainer
from labelfix.methods.mlc.step import MlcTrainer
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.epochs import Epochs
from labelfix.networks.state import TrainingState
from labelfix.networks.training import cut_trusted_rows
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

FEW = {"epochs": 4 if torch.cuda.is_available() else 2, "batch_size": 16, "clean_batch_size": 6, "warmup_epochs": 0}
"""Twenty steps on a problem of eighty rows; ten on the stand-in, which adds up as the CPU does."""

STEPS = {
    "sgd, fd1, k = 1": {},
    "sgd, fd2, k = 5": {"derivative": "fd2", "lookahead": 5, "nesterov": True},
    "adamw, fd1, k = 5": {"optimizer": "adamw", "learning_rate": 1e-3, "lookahead": 5, "clip_norm": 0.5},
    "adamw, fd2, k = 1": {"optimizer": "adamw", "learning_rate": 1e-3, "derivative": "fd2"},
    "published, k = 5": {"recipe": "published", "lookahead": 5},
}


def trained(family, device, options, resident=None, **more):
    """Classifier and LCN after some steps of MLC, and the trainer.

    Args:
        family: Of `small_problem`.
        device: Where.
        options: Settings beside `FEW`.
        resident: See `Epochs`.
        more: Fields of the problem.
    """
    made = small_problem(family, device, **more)
    settings = MlcSettings(**({"learning_rate": 0.02, "recipe": "paper"} | FEW | options))
    published = settings.recipe == "published"
    settings = settings.as_published(16, family) if published else settings
    plan, split = make_mlc_plan(made, settings), cut_trusted_rows(made, settings)
    generator = torch.Generator().manual_seed(1)
    classifier = made.new_classifier(generator).to(device)
    lcn = LabelCorrectionNetwork(classifier.feature_width, made.num_classes, 8, 8, False, generator).to(device)
    kind = PublishedTrainer if published else MlcTrainer
    told = Told()
    training = MlcTraining(made, plan, settings, split, told)
    trainer = paper.make_mlc_trainer(training, classifier, lcn, kind)
    start = weights_of(classifier), weights_of(lcn)
    epochs = Epochs(training, trainer, published, resident=resident)
    epochs.run(TrainingState())
    assert trainer.steps == 5 * settings.epochs
    return (weights_of(classifier), weights_of(lcn)), start, told.lines


class Told(Silent):
    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)

    def warn(self, message):
        self.lines.append(message)


def apart(found, expected, start):
    """How far apart two ends are, relative to how far the second is from the start: of classifier and of LCN."""
    return [float((a - b).norm() / (b - c).norm()) for a, b, c in zip(found, expected, start, strict=True)]


@pytest.mark.parametrize("options", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("family", ["network", "image"])
def test_steps_end_where_they_end_on_the_cpu(device, family, options):
    found, start, told = trained(family, device, options)
    expected, *_ = trained(family, torch.device("cpu"), options, resident=True)
    near, nearly = (2e-2, 0.3) if device.type == "cuda" else (1e-4, 1e-3)
    of_classifier, of_lcn = apart(found, expected, start)
    assert of_classifier < near
    assert of_lcn < nearly
    assert not told


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_every_path_ends_where_it_ends_on_the_cpu(device, path):
    found, expected = (weights_of(fit("image", path, where).classifier) for where in (device, torch.device("cpu")))
    apart = float((found - expected).norm() / expected.norm())
    assert apart < (3e-2 if device.type == "cuda" else 1e-4)


def test_texts_end_where_they_end_on_the_cpu(device, monkeypatch):
    """Without dropout, whose masks a GPU draws with a generator of its own."""
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, rows: rows)
    options = {"optimizer": "adamw", "learning_rate": 1e-3, "epochs": 4 if device.type == "cuda" else 1}
    found, start, _ = trained("text", device, options)
    expected, *_ = trained("text", torch.device("cpu"), options)
    assert apart(found, expected, start)[0] < 2e-2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_goes_the_same_way_on_a_gpu():
    found, start, _ = trained("image", torch.device("cuda"), {}, precision="bf16")
    expected, *_ = trained("image", torch.device("cpu"), {})
    assert apart(found, expected, start)[0] < 0.3


@pytest.mark.parametrize("options", STEPS.values(), ids=STEPS)
def test_graphs_take_the_steps_that_are_taken_one_by_one(device, options, monkeypatch):
    """On a GPU blocks are captured from the third on; the same blocks uncaptured, and single steps, end beside them."""
    if device.type != "cuda" and options is not STEPS["published, k = 5"]:
        pytest.skip("nothing is captured here; the longest step is tried")
    whole, start, told = trained("image", device, options)
    assert not told
    monkeypatch.setattr(cuda_graph, "WARM_UP", 10**9)
    eager, *_ = trained("image", device, options)
    single, *_ = trained("image", device, options, resident=False)
    again, *_ = trained("image", device, options)
    # cuDNN adds up in no fixed order: what two eager trainings differ by is no fault of the graph.
    own = apart(again, eager, start)[0]
    assert apart(whole, eager, start)[0] <= max(10 * own, 1e-5)
    assert apart(single, eager, start)[0] <= max(10 * own, 1e-3)


def test_a_warm_up_from_rows_on_the_device_is_that_of_the_cpu(device):
    """The anchored recipe begins with the given labels, then takes the trusted rows."""
    found, expected = (fit("image", "mlc-paper", where, epochs=1) for where in (device, torch.device("cpu")))
    apart = weights_of(found.classifier) - weights_of(expected.classifier)
    near = 1e-2 if device.type == "cuda" else 1e-5
    assert float(apart.norm() / weights_of(expected.classifier).norm()) < near


@pytest.mark.parametrize("path", ["mlc-adamw", "mlc-published"])
def test_a_killed_training_goes_on_there(device, path, tmp_path):
    whole, again = (weights_of(fit("image", path, device).classifier) for _ in range(2))
    kills = 0
    while True:
        try:
            found = fit("image", path, device, checkpoints=KilledAfter(tmp_path, 1 + kills % 2))
            break
        except Killed:
            kills += 1
    assert kills >= 2
    spread = float((again - whole).norm())
    assert float((weights_of(found.classifier) - whole).norm()) <= max(10 * spread, 1e-5)


@pytest.mark.parametrize(
    ("backend", "where"), [("gloo", "cpu"), pytest.param("nccl", "cuda", marks=ON_A_GPU)], ids=["gloo", "nccl"]
)
def test_sums_over_processes_of_which_there_is_one(backend, where, monkeypatch):
    """The messages of several processes, BatchNorm's included, sent by one: the same steps as without them."""
    device, path = torch.device(where), {"epochs": 2, "lookahead": 2}
    alone = weights_of(fit("image", "mlc-paper", device, **path).classifier)

    class OneOfMany(ranks.Ranks):
        alone = False

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dist.init_process_group(backend, init_method=f"tcp://127.0.0.1:{port}", rank=0, world_size=1)
    try:
        monkeypatch.setattr(ranks, "_joined", OneOfMany())
        found = weights_of(fit("image", "mlc-paper", device, **path).classifier)
    finally:
        monkeypatch.undo()
        dist.destroy_process_group()
    assert torch.allclose(found, alone, rtol=1e-2, atol=1e-3 if where == "cuda" else 1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_when_the_memory_of_a_gpu_really_runs_out_the_batch_is_halved():
    """Sixteen images are blown up to 453 MB where 300 are left; eight of them fit, as do the seven held-out ones."""
    device = torch.device("cuda")

    def hungry(generator):
        classifier = of_pictures(generator)
        blown_up = torch.nn.Upsample(scale_factor=256), torch.nn.AvgPool2d(256)
        classifier.backbone = torch.nn.Sequential(*blown_up, classifier.backbone)
        return classifier

    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(device) + 3e8) / total)
    try:
        *_, told = trained("image", device, {}, new_classifier=hungry)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert any(line.startswith("the memory ran out: batches go through the network in 2 pieces") for line in told)
