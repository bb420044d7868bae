# A web server: POST / takes a post, GET / says how many were worked on. Where it listens is in run/port.
require './lib.pl';
our $RUN;
$| = 1;
my $server = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT} || 0, Listen => 16, ReuseAddr => 1,
) or die "cannot listen: $!\n";
open(my $file, '>', "$RUN/port") or die "cannot write $RUN/port: $!\n";
print $file $server->sockport;
close $file;
ready();
print 'http://127.0.0.1:', $server->sockport, "/\n";
while (my $client = $server->accept) {
    my $request = <$client> // '';
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/; }
    my $answer = $request =~ /^POST/ ? ask('ADD', 'posts') : ask('LOOK', 'done');
    my $status = $answer =~ /^\d+$/ ? '200 OK' : '500 Internal Server Error';
    print $client "HTTP/1.0 $status\r\nContent-Type: text/plain\r\n\r\n$answer\n";
}
