# The test run. Its exit code is that of the whole with `svctl dev --exit-with tests`.
require './lib.pl';
our $RUN;
open(my $file, '<', "$RUN/port") or die "no web server: $!\n";
my $port = <$file>;

sub request {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "no web server: $!\n";
    print $socket "$_[0] / HTTP/1.0\r\n\r\n";
    my $answer = join '', <$socket>;
    $answer =~ m{^HTTP/1.0 200 .*\r\n\r\n(\d+)}s or die "bad answer: $answer\n";
    return $1;
}

my $before = request('GET');
request('POST');
for (1 .. 600) {
    if (request('GET') > $before) { print "a post was worked on\n"; exit($ENV{BLOG_FAILS} || 0); }
    select(undef, undef, undef, 0.05);
}
print "nobody has worked on the post\n";
exit 1;
