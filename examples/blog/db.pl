# A database: tables of counters, in memory. A table that was not made is an error.
require './lib.pl';
our $RUN;
$| = 1;
unlink "$RUN/db.sock";
my $server = IO::Socket::UNIX->new(Local => "$RUN/db.sock", Listen => 16) or die "cannot listen: $!\n";
my %tables;
ready();
print "at $RUN/db.sock\n";
while (my $client = $server->accept) {
    my ($verb, $table) = split ' ', <$client> // '';
    next unless defined $table;
    if ($verb eq 'MAKE') { $tables{$table} //= 0; }
    if (!exists $tables{$table}) { print $client "no table $table\n"; next; }
    if ($verb eq 'ADD') { $tables{$table}++; }
    if ($verb eq 'TAKE') { my $had = $tables{$table}; $tables{$table} = 0; print $client "$had\n"; next; }
    print $client "$tables{$table}\n";
}
