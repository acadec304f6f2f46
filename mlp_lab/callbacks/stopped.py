"""How a training ends that was asked to."""


class Stopped(Exception):
    """Training was ended by `stop` of `Checkpoints`; its state has been saved.

    Attributes:
      why: what `stop` returned.
    """

    def __init__(self, why: object):
        super().__init__(f"training was stopped by {why} and can resume from its checkpoint")
        self.why = why
