# What all of them share: the directory of what is at work, and questions to the database.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;

our $RUN = $ENV{BLOG_RUN} || 'run';
mkdir $RUN;

# One question, one line; the database answers with one line.
sub ask {
    my $socket = IO::Socket::UNIX->new(Peer => "$RUN/db.sock") or die "no database: $!\n";
    print $socket join(' ', @_), "\n";
    chomp(my $answer = <$socket> // '');
    return $answer;
}

# Says that it is ready, to whoever has started it with a descriptor 3.
sub ready {
    open(my $fd, '>&=', 3) or return;
    print $fd "\n";
    close $fd;
}

1;
