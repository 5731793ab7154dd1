"""What ``cms cloud add --type=qemu`` asks for; all of it may be left at its default."""

from __future__ import annotations

from cloudmesh.cloud.provider.questions import Question

QUESTIONS = (
    Question(
        "default.image",
        "the image of new machines; 'cms image catalog' lists some",
        example="debian-12",
        default="",
    ),
    Question("default.flavor", "the size of new machines", example="small", default=""),
    Question(
        "accel",
        "auto takes kvm, which is fast, where the processor has it, else tcg",
        default="auto",
        choices=("auto", "kvm", "tcg"),
    ),
)
