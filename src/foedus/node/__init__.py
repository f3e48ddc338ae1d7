"""What a member can do with its node, one file for each operation.

Each operation reads top to bottom: check who asks, decide, act in one unit of work, record.
``ports`` and ``peer_ports`` say what operations need from outside.
"""
