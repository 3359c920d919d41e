"""The training engine: no waiting for the device, precision, pieces, clipping, replays, long trajectories."""

import contextlib
import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from labelfix.compute import cuda_graph
from labelfix.compute.cuda_graph import Replayed
from labelfix.compute.flat_vectors import Flat
from labelfix.errors import TrainingError
from labelfix.methods.mlc.step import Labelled, MlcTrainer
from labelfix.models.classifier import Classifier, TokenBatch
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.lookahead import frozen_statistics
from labelfix.networks.loop import make_lcn_optimizer, make_optimizer
from labelfix.networks.passes import Memory, draws_masks
from labelfix.networks.watch import Seen, Tally, check

CLASSES = 4


def small_net(generator, norm=True, dropout=0.0):
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 6, 3, padding=1, bias=not norm), nn.Tanh(), nn.Dropout(dropout)]
    if norm:
        layers.insert(1, nn.BatchNorm2d(6))
    return Classifier(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten()), 24, CLASSES, generator)


def make(how="fd1", norm=True, dropout=0.0, dtype=torch.float32, optimizer="sgd", **options):
    generator = torch.Generator().manual_seed(0)
    classifier = small_net(generator, norm, dropout).to(dtype).to(memory_format=torch.channels_last).train()
    lcn = LabelCorrectionNetwork(24, CLASSES, 7, 5, False, generator).to(dtype)
    rate = 0.1 if optimizer == "sgd" else 0.01
    return MlcTrainer(
        classifier=classifier,
        lcn=lcn,
        optimizer=make_optimizer(optimizer, classifier.parameters(), rate, 0.9, False, 5e-4),
        lcn_optimizer=make_lcn_optimizer(lcn, 1e-3),
        derivative=how,
        seed=3 if dropout else None,
        **options,
    )


def draw(rows, seed, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(rows, 3, 6, 6, generator=generator, dtype=dtype).to(memory_format=torch.channels_last)
    return Labelled(images, torch.randint(0, CLASSES, (rows,), generator=generator))


def batches(step, dtype=torch.float32):
    return draw(12, step, dtype), draw(6, 100 + step, dtype), draw(6, 200 + step, dtype)


def weights_of(trainer):
    return torch.cat([p.detach().reshape(-1) for net in (trainer.classifier, trainer.lcn) for p in net.parameters()])


class NobodyWaits(TorchDispatchMode):
    """Raises where the value of a tensor is asked for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in (
            torch.ops.aten._local_scalar_dense,
            torch.ops.aten.is_nonzero,
            torch.ops.aten.nonzero,
            torch.ops.aten.equal,
        ), f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("options", [{}, {"lookahead": 3}, {"clip_norm": 0.1}, {"how": "fd2"}])
def test_a_step_asks_for_no_value(optimizer, options):
    trainer = make(optimizer=optimizer, **options)
    trainer.step(*batches(0))
    with NobodyWaits():
        for step in (1, 2, 3):
            trainer.step(*batches(step))
        trainer.plain_step(*batches(4)[:2])


def test_the_guard_of_the_test_above_sees_a_wait():
    with NobodyWaits(), pytest.raises(AssertionError, match="waits for the device"):
        float(torch.ones(()) * 2)


def double_backward_step(trainer, noisy, clean, meta):
    """The whole step with SGD, momentum and decay by full autograd; moves both networks."""
    classifier, lcn, group = trainer.classifier, trainer.lcn, trainer.optimizer.param_groups[0]
    leaves = [w.detach().clone().requires_grad_() for w in trainer.weights]

    def call(w, x):
        return functional_call(classifier, dict(zip(trainer.names, w, strict=True)), (x,))

    with frozen_statistics(classifier):
        out = call(leaves, noisy.inputs)
        q = lcn(out.hidden.detach(), noisy.labels).soft
        loss = -(q * out.logits.log_softmax(1)).sum()
        loss = loss + functional.cross_entropy(call(leaves, clean.inputs).logits, clean.labels, reduction="sum")
        rows = len(noisy.labels) + len(clean.labels)
        gradient = torch.autograd.grad(loss / rows, leaves, create_graph=True)
        if trainer.clip_norm is not None:
            norm = torch.sqrt(sum(g.pow(2).sum() for g in gradient))
            gradient = [g * (trainer.clip_norm / norm).clamp(max=1.0) for g in gradient]
        ahead = []
        for weight, leaf, g in zip(trainer.weights, leaves, gradient, strict=True):
            g = g + group["weight_decay"] * leaf.detach()
            buffer = trainer.optimizer.state[weight].get("momentum_buffer")
            ahead.append(leaf - group["lr"] * (g if buffer is None else group["momentum"] * buffer + g))
        meta_loss = functional.cross_entropy(call(ahead, meta.inputs).logits, meta.labels)
        found = torch.autograd.grad(meta_loss, list(lcn.parameters()))
    for weight, g in zip(trainer.weights, gradient, strict=True):
        weight.grad = g.detach()
    trainer.optimizer.step()
    for parameter, value in zip(lcn.parameters(), found, strict=True):
        parameter.grad = value
    trainer.lcn_optimizer.step()


@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_fifty_steps_of_one_difference_follow_double_backward(clip_norm):
    """Clipped nearly always at 0.05; without the term for it the LCNs part at once."""
    fast, exact = (make(dtype=torch.float64, clip_norm=clip_norm) for _ in range(2))
    start = weights_of(fast)
    for step in range(50):
        rows = batches(step, torch.float64)
        fast.step(*rows, watch=False)
        double_backward_step(exact, *rows)
    moved = (weights_of(exact) - start).norm()
    assert moved > 1.0 if clip_norm is None else moved > 0.1
    assert (weights_of(fast) - weights_of(exact)).norm() < 5e-3 * moved


def lcn_gradient(trainer, rows):
    trainer.step(*rows)
    return torch.cat([p.grad.reshape(-1) for p in trainer.lcn.parameters()])


def relative_error(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("clip_norm", [0.05, 1e9])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_clipped_gradient_is_taken_into_account(clip_norm, optimizer):
    """The derivative of the clean loss after the step by one number that scales every label, against differences."""
    trainer = make("jvp", dtype=torch.float64, clip_norm=clip_norm, optimizer=optimizer)
    rows = batches(1, torch.float64)

    def meta_loss_after(shift):
        other = copy.deepcopy(trainer)
        with torch.no_grad():
            other.lcn.last.bias[1] += shift
        return float(other.step(*rows).meta_loss)

    width = 1e-5
    slope = (meta_loss_after(width) - meta_loss_after(-width)) / (2 * width)
    trainer.step(*rows)
    assert float(trainer.lcn.last.bias.grad[1]) == pytest.approx(slope, rel=1e-4)


def test_bfloat16_passes_give_nearly_the_same_meta_gradient():
    """An error of a few in a hundred; copies of the weights from another pass would make it about one."""
    rows = draw(64, 1), draw(32, 2), draw(32, 3)
    exact = lcn_gradient(make("jvp", norm=False), rows)
    for how in ("fd1", "fd2", "jvp"):
        found = lcn_gradient(make(how, norm=False, precision="bf16"), rows)
        assert relative_error(found, exact) < 0.1, how


def test_bfloat16_leaves_weights_gradients_and_labels_in_float32():
    trainer = make(precision="bf16")
    figures = trainer.step(*batches(0))
    assert {p.dtype for p in trainer.weights} == {p.grad.dtype for p in trainer.weights} == {torch.float32}
    assert figures.mass.dtype == figures.meta_norm.dtype == torch.float32


class Casts(TorchDispatchMode):
    """Counts how often weights are brought to bfloat16."""

    def __init__(self, weights):
        super().__init__()
        self.shapes, self.count = {tuple(weight.shape) for weight in weights}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket is torch.ops.aten._to_copy and (kwargs or {}).get("dtype") is torch.bfloat16:
            self.count += tuple(args[0].shape) in self.shapes
        return func(*args, **(kwargs or {}))


def test_passes_at_the_same_weights_share_their_bfloat16_copies():
    """The noisy and the clean rows' do; the meta rows' and the look-ahead's are at other weights."""
    trainer = make(norm=False, precision="bf16")
    with Casts(trainer.weights) as ordinary:
        trainer.plain_step(*batches(0)[:2])
    with Casts(trainer.weights) as ahead:
        trainer.step(*batches(1))
    assert (ordinary.count, ahead.count) == (4, 3 * 4)


@pytest.mark.parametrize("pieces", [2, 5, 64])
def test_pieces_give_the_step_of_the_whole_batch(pieces):
    whole, cut = (make(norm=False, dtype=torch.float64, memory=Memory(n)) for n in (1, pieces))
    for step in range(3):
        rows = batches(step, torch.float64)
        one, other = whole.step(*rows), cut.step(*rows)
        assert one.clean_loss == pytest.approx(float(other.clean_loss), rel=1e-9)
    assert torch.allclose(weights_of(whole), weights_of(cut), rtol=1e-6, atol=1e-9)


def test_token_batches_are_cut_with_their_masks():
    ids = torch.arange(10).reshape(5, 2)
    parts = Labelled(TokenBatch(ids, ids % 2), torch.arange(5)).pieces(2)
    assert [len(part.labels) for part in parts] == [3, 2]
    assert torch.equal(torch.cat([part.inputs.input_ids for part in parts]), ids)
    assert torch.equal(parts[1].inputs.attention_mask, (ids % 2)[3:])


CUBLAS = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
CUDNN = "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOC_FAILED"


class SmallMemory(nn.Module):
    """Runs out of memory above so many rows, from some pass on."""

    def __init__(self, inner, most, error=torch.OutOfMemoryError("too many rows"), first=1):  # noqa: B008
        super().__init__()
        self.inner, self.most, self.error, self.first, self.passes = inner, most, error, first, 0

    def forward(self, images):
        self.passes += 1
        if len(images) > self.most and self.passes >= self.first:
            raise self.error
        return self.inner(images)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("too many"), RuntimeError(CUBLAS), RuntimeError(CUDNN)])
def test_when_memory_runs_out_the_batch_is_halved_and_the_run_goes_on(error):
    said = []
    whole = make(norm=False, dtype=torch.float64)
    short = make(norm=False, dtype=torch.float64, memory=Memory(1, said.append))
    short.classifier.backbone = SmallMemory(short.classifier.backbone, 7, error)
    short.choose_weights()
    for step in range(2):
        rows = batches(step, torch.float64)
        whole.step(*rows)
        short.step(*rows)
    assert short.memory.pieces == 2
    assert len(said) == 1
    assert said[0].startswith("the memory ran out: batches go through the network in 2 pieces")
    assert torch.allclose(weights_of(whole), weights_of(short), rtol=1e-6, atol=1e-9)


def test_another_error_is_no_lack_of_memory():
    trainer = make(norm=False)
    trainer.classifier.backbone = SmallMemory(trainer.classifier.backbone, 7, RuntimeError("an illegal access"))
    trainer.choose_weights()
    with pytest.raises(RuntimeError, match="an illegal access"):
        trainer.step(*batches(0))


@pytest.mark.parametrize("how", ["fd1", "fd2"])
def test_a_batch_that_is_halved_in_the_look_ahead_is_not_compared_with_the_whole_one(how):
    """BatchNorm sees a piece at a time: what two ways of cutting differ by, over a short step, is much more."""
    rows = draw(64, 0), draw(16, 1), draw(16, 2)
    expected = lcn_gradient(make(how, memory=Memory(2)), rows)
    short = make(how, memory=Memory(1))
    # The passes over noisy, clean and meta rows fit; the fourth, of the noisy rows further along, does not.
    short.classifier.backbone = SmallMemory(short.classifier.backbone, 40, first=4)
    short.choose_weights()
    found = lcn_gradient(short, rows)
    assert short.memory.pieces == 2
    assert relative_error(found, expected) < 0.5


def test_a_row_that_does_not_fit_ends_the_run_with_advice():
    trainer = make(norm=False)
    trainer.classifier.backbone = SmallMemory(trainer.classifier.backbone, 0)
    trainer.choose_weights()
    with pytest.raises(TrainingError, match="does not hold the network and a single row; try a smaller backbone"):
        trainer.step(*batches(0))


def test_replays_take_the_steps_of_plain_calls():
    """On a CPU a replay is a call; the buffers are what a graph would read."""
    direct, replayed = make(), make()
    for trainer in (direct, replayed):
        trainer.step(*batches(0))

    def body(*flat):
        noisy, clean, meta = (Labelled(*flat[i : i + 2]) for i in (0, 2, 4))
        replayed.step(noisy, clean, meta)

    call = Replayed(body, torch.device("cpu"), pytest.fail, pytest.fail)
    for step in range(1, 5):
        rows = batches(step)
        direct.step(*rows)
        call(*(tensor for batch in rows for tensor in batch[:2]))
    assert not call.captured
    assert torch.equal(weights_of(direct), weights_of(replayed))


class FailingGraph:
    """A capture that fails, and whose end fails for it."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        raise RuntimeError("operation failed due to a previous error during capture")


def test_a_failed_capture_names_its_cause_once_and_is_not_tried_again(monkeypatch):
    calls, told = [], []

    def body(rows):
        calls.append(rows.clone())
        if len(calls) == 3:
            raise RuntimeError("a copy from the host\nand more")

    nothing = lambda *_: contextlib.nullcontext()  # noqa: E731
    for name, value in {"CUDAGraph": object, "graph": FailingGraph, "stream": nothing, "set_stream": nothing}.items():
        monkeypatch.setattr(cuda_graph.torch.cuda, name, value)
    stream = SimpleNamespace(wait_stream=lambda _: None)
    monkeypatch.setattr(cuda_graph.torch.cuda, "current_stream", lambda _: stream)
    call = Replayed(body, torch.device("cpu"), told.append, lambda: told.append("forgotten"))
    call._stream = stream
    for step in range(6):
        call(torch.tensor([step]))
    sentence = "steps run one by one: they cannot be captured as a CUDA graph (a copy from the host)"
    assert told == ["forgotten", sentence]
    assert [int(rows) for rows in calls] == [0, 1, 2, 2, 3, 4, 5]  # the third was tried in the capture first
    assert not call.captured
    assert not call.wanted


def test_dropout_is_noticed_and_its_absence_too():
    images = draw(4, 0).inputs
    generator = torch.Generator().manual_seed(0)
    state = torch.get_rng_state()
    with_dropout = small_net(generator, dropout=0.2).train()
    without = small_net(generator).train()
    before = copy.deepcopy(without.state_dict())
    torch.set_rng_state(state)
    assert draws_masks(with_dropout, images)
    assert not draws_masks(without, images)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), without.state_dict().values(), strict=True))


def test_a_flat_vector_has_the_shapes_layouts_and_gaps_of_zero():
    weight = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    flat = Flat.of([weight, torch.tensor(2.0), torch.randn(3, 5).T])
    assert torch.equal(flat.parts[0], weight)
    assert flat.parts[0].stride() == weight.stride()
    scaled = flat.times([2.0, 3.0, torch.full((5, 3), 4.0)])
    assert torch.equal(scaled.parts[0], 2 * weight)
    assert float(scaled.parts[1]) == 6.0
    assert scaled.vector.norm() == pytest.approx(float(sum(p.pow(2).sum() for p in scaled.parts)) ** 0.5, rel=1e-6)


def test_a_tally_averages_what_there_was_and_shows_a_loss_that_is_no_number():
    tally = Tally(("loss", "gamma"), ("loss",), 2, torch.device("cpu"))
    nan = torch.tensor(float("nan"))
    counts = torch.tensor([3, 1])
    tally.add([torch.tensor(1.0), nan], torch.tensor([3.5, 0.5]), counts)
    tally.add([torch.tensor(3.0), torch.tensor(0.5)], torch.tensor([2.5, 1.5]), counts)
    seen = tally.take()
    assert seen == Seen({"loss": 2.0, "gamma": 0.5}, 0.75, 0.75, 8)
    tally.add([nan, nan], torch.ones(2), counts)
    with pytest.raises(TrainingError, match="no longer a number in epoch 2; try --set learning_rate=0.01"):
        check(tally.take(), ("loss",), 2, 0.1)


def test_labels_of_one_class_stop_the_run_unless_the_given_ones_are_too():
    figures = {"loss": 1.0}
    with pytest.raises(TrainingError, match=r"collapsed in epoch 3: 99.0% .* try --set lcn_learning_rate=1e-4"):
        check(Seen(figures, 0.99, 0.5, 1000), ("loss",), 3, 0.1)
    for harmless in (Seen(figures, 0.99, 0.97, 1000), Seen(figures, 0.9, 0.5, 1000), Seen(figures, 0.99, 0.5, 40)):
        check(harmless, ("loss",), 3, 0.1)
