# Watchkeeper: this shell is a session. Written by `wk shell-init fish`.
# Nothing here may disturb the shell.
if status is-interactive; and test "$_wk_shell" != "$fish_pid"; and test -x @WK_HOOK@
    set -g _wk_shell $fish_pid
    function _wk_tell
        @WK_HOOK@ --shell $argv[1] --type fish --pid $fish_pid $argv[2..-1] </dev/null >/dev/null 2>&1
        or true
    end
    function _wk_end --on-event fish_exit
        _wk_tell end --code $status
    end
    # Not waited for, and no job that anybody sees: a shell's start has time for a fork, no more.
    @WK_HOOK@ --shell start --type fish --pid $fish_pid </dev/null >/dev/null 2>&1 &
    disown 2>/dev/null
@COMMANDS@end
