# How valgrind is called, with a valgrind that only shows it.
real=$PATH
PATH=$PWD/bin:$real
show mapwalk record echo hello
show cat echo.lackey
show mapwalk record -o log echo -x --json
show cat log
show mapwalk record --output=a%b -- echo hello
show cat a%b
show mapwalk record -o 't.%p.%q' -- echo hello
show mapwalk record -o /nowhere/%p.lackey echo
show sh -c '"$MAPWALK" record -o - -- sh -c "echo from the program; exit 3" 2>err'
show cat err

# What goes wrong: the program, the log, the recorder.
show mapwalk record sh -c 'exit 9'
show sh -c '"$MAPWALK" record sh -c "kill -TERM \$\$" >killed 2>&1; echo "[$?]"' 2>/dev/null
show mapwalk record -o missing/log echo
show mapwalk record -o /dev/full sleep 60
show sh -c '"$MAPWALK" record -o - sleep 60 2>/dev/null >/dev/full'
# A program that leaves a process behind is not waited for longer than it lives itself.
show mapwalk record -o log sh -c 'sleep 5 & exit 4'
PATH=/nowhere
set +e
"$MAPWALK" record echo 2>&1
echo "[$?]"
"$MAPWALK" record -o %p echo 2>&1
echo "[$?]"
PATH=$real
