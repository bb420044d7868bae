# Takes what was posted, and notes that it was worked on.
require './lib.pl';
$| = 1;
while (1) {
    my $posts = ask('TAKE', 'posts');
    die "$posts\n" unless $posts =~ /^\d+$/;
    for (1 .. $posts) { ask('ADD', 'done'); print "worked on a post\n"; }
    select(undef, undef, undef, 0.05);
}
