    # Each command, once it has ended.
    function _wk_ended --on-event fish_postexec
        set -l code $status
        set -l told
        # What began with a space, or is done in private, is nobody's business.
        if not string match -q ' *' -- "$argv[1]"; and test -z "$fish_private_mode"
            set told --command "$argv[1]"
        end
        _wk_tell command --code $code --duration $CMD_DURATION $told
    end
