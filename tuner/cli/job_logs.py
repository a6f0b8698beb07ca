"""Where the containers of a job of any kind have their logs, by the names of their hosts."""

from collections.abc import Mapping
from pathlib import Path

from contracts.jobs import JobKind
from contracts.processing import ProcessingJobSpec
from contracts.transform import TransformJobSpec
from tuner.jobs.folder import JobFolder
from tuner.profile import HostProfile
from tuner.store.records import JobRecord, TrainingJobRecord
from tuner.transform.folder import transform_folder


def log_files(job: TrainingJobRecord | JobRecord, profile: HostProfile) -> Mapping[str, Path]:
    """The log files of a job, whether they are there yet or not."""
    if isinstance(job, TrainingJobRecord):
        return JobFolder(profile.job_folder(job.name)).logs(job.spec.hosts)
    if job.kind is JobKind.PROCESSING:
        spec = ProcessingJobSpec.from_request(job.request)
        return JobFolder(profile.processing_folder(job.name)).logs(spec.hosts)
    folder = transform_folder(profile, job.name)
    return {host.name: folder.log(host.name) for host in TransformJobSpec.from_request(job.request).hosts}
