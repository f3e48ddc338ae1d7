"""The bloc of six: six nodes as processes of their own, one treaty, every receipt checked.

What a newcomer is shown is what a member would do: every act is a run of the real command line on a
node's own data directory, and the nodes speak to one another over HTTP like any others. The demo
itself holds no key and opens no store; it starts processes, reads their JSON, checks what must hold
after each step and prints what happened. Everything in it is an exercise.
"""
