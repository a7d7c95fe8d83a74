# What the trials have in common. They read this first.

# The place is as empty as it is said to be.
for tool in rustc cargo; do
    if command -v $tool; then
        echo "this place has $tool"
        exit 1
    fi
done
left=$(find /usr /etc -xdev -iname '*treenail*' | head -3)
if [ -n "$left" ]; then
    echo "this place has treenail already: $left"
    exit 1
fi

# meet COMMANDS EXPECTED: a listener and a client say just this, in whatever order.
meet() {
    said=$(timeout 120 sh -euc "$1" | sort)
    if [ "$said" != "$2" ]; then
        echo "$1 said '$said' instead of '$2'"
        exit 1
    fi
    echo "ok: $1"
}

# quiet COMMANDS: shows what they print only if they fail.
quiet() {
    echo "$1"
    sh -euxc "$1" > quiet.log 2>&1 || {
        cat quiet.log
        exit 1
    }
}

# The tool runs, if the packages have it: they all do or none.
tool() {
    if [ -f /opt/trial/has-tool ]; then
        "$@" --version
        "$@" list
    fi
}
