# Makes the tables, and ends.
require './lib.pl';
ask('MAKE', $_) for qw(posts done);
print "two tables\n";
