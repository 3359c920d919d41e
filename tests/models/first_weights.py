"""What representations of several kinds keep to."""

import torch


def assert_the_generator_alone_decides(representation):
    """About the first weights of a classifier; torch's global generator is left to its owner."""
    state = torch.random.get_rng_state()
    one, two, other = (representation.new_classifier(3, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(state, torch.random.get_rng_state()), "the global generator belongs to the caller"
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert not torch.equal(one.head.weight, other.head.weight)
