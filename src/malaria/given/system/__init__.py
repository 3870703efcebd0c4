"""What the operating system has to be asked for.

whole.py         files and folders written whole or not at all
json_file.py     JSON files
lock.py          two runs must not write to one folder at once
quiet_start.py   importing TensorFlow without its greetings
lost_ctrl_c.py   Ctrl-C during an import
installed.py     which copy of the course is the one that works
cpu_time.py      how much a process has computed
accelerators.py  hiding them from what only grades
"""
