"""What a worker tells the queue of itself and of the jobs that it has: what one taken for dead had, others have.

Procrastinate asks nobody whose a job is: who was suspended in the middle of one would end it, or give it back, although
another worker has long been at it.
"""

from collections.abc import Iterable
from datetime import datetime

from procrastinate.connector import BaseAsyncConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from etl.workers.pulse import ALIVE, Pulse

AS_SEEN = """
    SELECT EXISTS (SELECT FROM procrastinate_jobs
        WHERE id = %(id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker)s) AS is_as_seen
"""


class OwnJobs(JobManager):
    """Ends and gives back jobs only as they were seen; has a pulse tell that the worker is alive, where there is one.

    shared: the task whose job is ended by who has it only. A whole run that has ended is none that others have to do.
    """

    def __init__(self, connector: BaseAsyncConnector, shared: str, pulse: Pulse | None) -> None:
        super().__init__(connector)
        self._shared, self._pulse = shared, pulse

    async def register_worker(self) -> int:
        """Have a worker begin, and its pulse with it."""
        number = await super().register_worker()
        if self._pulse:
            self._pulse.begin(number)
        return number

    async def unregister_worker(self, worker_id: int) -> None:
        """Have a worker end, and its pulse before it."""
        if self._pulse:
            self._pulse.end()
        await super().unregister_worker(worker_id)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take a job; a worker that was suspended, and deleted as dead meanwhile, is there again before it does."""
        if self._pulse:
            await self.connector.execute_query_async(ALIVE, worker_id=worker_id)
        return await super().fetch_job(queues, worker_id)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Leave it to the pulse: by the loop it would wait for connections, and end the loop where there is none."""
        if not self._pulse:
            await super().update_heartbeat(worker_id)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End a job; not one of several that share a run, where another worker has it by now."""
        if job.task_name != self._shared or await self._is_as_seen(job):
            await super().finish_job(job, status, delete_job)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Queue a job again, unless that was done already, or it has ended."""
        if await self._is_as_seen(job):
            await super().retry_job(job, retry_at, priority, queue, lock)

    async def _is_as_seen(self, job: Job) -> bool:
        found = await self.connector.execute_query_one_async(AS_SEEN, id=job.id, worker=job.worker_id)
        return bool(found["is_as_seen"])
