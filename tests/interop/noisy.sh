# A service that complains before, between and after what it has to say.
echo 'before' >&2
echo 'one'
echo 'between' >&2
echo 'two'
echo 'after' >&2
