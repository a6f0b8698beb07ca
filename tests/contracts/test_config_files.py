"""inputdataconfig.json and resourceconfig.json: what one side writes, the other reads."""

import pytest
from domain_strategies import names, wire_texts
from hypothesis import given
from hypothesis import strategies as st

from contracts.channels import Channel, InputMode, format_input_data_config, parse_input_data_config
from contracts.errors import InvalidConfigFile
from contracts.resources import Host, format_resource_config, parse_resource_config

NO_HOST = '{"current_host": "algo-1", "hosts": [], "network_interface_name": "eth0"}'

channels = st.builds(
    Channel,
    name=names,
    input_mode=st.sampled_from(InputMode),
    content_type=st.none() | wire_texts,
    distribution=st.sampled_from(["FullyReplicated", "ShardedByS3Key"]),
    record_wrapper=st.sampled_from(["None", "RecordIO"]),
)


@given(st.lists(channels, max_size=20, unique_by=lambda channel: channel.name))
def test_channels_come_back_from_their_file(written: list[Channel]) -> None:
    """The file has all that a container is told of a channel."""
    assert {channel.name: channel for channel in written} == parse_input_data_config(format_input_data_config(written))


def test_the_address_of_a_channel_is_not_passed_on() -> None:
    """A container learns a folder, not where its data came from."""
    text = format_input_data_config([Channel(name="training", uri="file:///home/me/secret")])

    assert "secret" not in text


@given(st.lists(names, min_size=1, max_size=5, unique=True), names)
def test_hosts_come_back_from_their_file_in_order(hosts: list[str], instance_type: str) -> None:
    """Hosts are sorted, so that every host sees the same leader."""
    written = [Host(name=name, instance_type=instance_type) for name in hosts]

    read = parse_resource_config(format_resource_config(written[0], written))

    assert (tuple(sorted(hosts)), hosts[0], instance_type) == (read.hosts, read.current_host, read.instance_type)


def test_a_resource_file_with_just_the_documented_fields_is_read() -> None:
    """Real files have more; a reader must not need it."""
    text = '{"current_host": "algo-2", "hosts": ["algo-2", "algo-1"], "network_interface_name": "eth0"}'

    assert not parse_resource_config(text).is_leader


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"current_host": "a"}', "null", NO_HOST])
def test_a_resource_file_without_hosts_is_refused(text: str) -> None:
    """The text names the file."""
    with pytest.raises(InvalidConfigFile, match=r"resourceconfig\.json"):
        parse_resource_config(text)


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"TrainingInputMode": "Carrier"}}', "null"])
def test_an_input_file_that_is_no_object_of_channels_is_refused(text: str) -> None:
    """The text names the file."""
    with pytest.raises(InvalidConfigFile, match=r"inputdataconfig\.json"):
        parse_input_data_config(text)
