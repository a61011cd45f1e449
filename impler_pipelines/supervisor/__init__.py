"""Starting, watching and stopping the processes of one machine. It knows no feed and no row."""
