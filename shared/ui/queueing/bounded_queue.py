"""Records of past calls, which stay few however many calls there are."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue

#: Sessions whose answers are kept when no call of theirs waits or runs, whether the answers were read or not.
MAX_ANSWERED = 500


class BoundedQueue(Queue):
    """Queue of Gradio without the records that it (6.31) keeps of past calls.

    Gradio summarises its latest 10,000 calls after each one, for a page that is switched off here, and keeps
    an entry for each session until the end. It gives up the messages of the oldest of 2,000 sessions, even if
    a call of that session still runs.
    """

    async def push(
        self, body: PredictBodyInternal, request: Request, username: str | None
    ) -> tuple[bool, Any, Any]:
        """Queue a call."""
        answer = await super().push(body, request, username)
        self.forget_answered()
        return answer

    def compute_analytics_summary(self, records: Any) -> Any:
        """Return an empty summary."""
        return self.cached_event_analytics_summary

    def forget_answered(self) -> None:
        """Forget the oldest sessions without a call that waits or runs, where there are too many."""
        sessions = dict.fromkeys([*self.pending_event_ids_session, *self.pending_messages_per_session])
        if len(sessions) <= MAX_ANSWERED:
            return
        busy = {event.session_hash for event in self.event_ids_to_events.values()}
        answered = [session for session in sessions if session not in busy]
        for session in answered[: max(len(answered) - MAX_ANSWERED, 0)]:
            self.pending_event_ids_session.pop(session, None)
            self.pending_messages_per_session.pop(session, None)
