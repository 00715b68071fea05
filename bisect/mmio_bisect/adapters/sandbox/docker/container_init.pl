# The first process of a sandbox container: it runs one command after another and answers for each.
#
# It is Perl because perl-base is essential in every Debian, and because what it needs of the kernel (prctl, prlimit)
# can be had there without a compiler. `container_wire.py` speaks with it, and describes the messages.
#
# Why the container's first process: the kernel lets no other process of the container kill or stop it; every orphan
# becomes its child; and kill(-1) reaches all others at once. It runs as the same user as the compilers, because a
# container without capabilities cannot change users. So it makes itself undumpable, which closes it to ptrace and its
# descriptors to /proc: no command can speak in its name or outlive its turn. What a command could still do to it (lower
# its resource limits) or leave behind (files that will not go) is looked for after each, and reported: the container is
# then not to be used again.
use strict;
use warnings;
use Fcntl qw(O_RDONLY O_NOFOLLOW O_NONBLOCK);
use POSIX ();

my $folder = '/sandbox';
my $cache  = '/cache';    # what one container leaves for the next, where that is wanted
my $chunk  = 1 << 16;
my $reserve = 256 << 20;  # bytes of a disk that are left to others
my ($PR_SET_DUMPABLE, $RLIMIT_CPU, $RLIMIT_FSIZE, $RLIMIT_CORE, $RLIMIT_NOFILE, $RLIMIT_MSGQUEUE) = (4, 0, 1, 4, 7, 12);
# The numbers of the system calls prctl, prlimit64, execve and statfs, by machine.
my %numbers = (
    x86_64  => [157, 302, 59, 137], aarch64 => [167, 261, 221, 43], riscv64 => [167, 261, 221, 43],
    ppc64le => [171, 325, 11, 99],  s390x   => [172, 334, 11, 99],
);
my $machine = (POSIX::uname())[4];
my ($prctl, $prlimit, $execve, $statfs) = @{ $numbers{$machine} or die "no system call numbers are known for $machine\n" };
my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());

$SIG{CHLD} = sub { };    # so that select returns when a child ends
$SIG{PIPE} = 'IGNORE';
syscall($prctl, $PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 or die "prctl: $!\n";
binmode $_ for *STDIN, *STDOUT;
my $own_limits = content('/proc/self/limits');

say_list('ready');
while (defined(my $length = receive(4))) {
    my $request = receive(unpack 'N', $length);
    last unless defined $request;
    answer(unpack '(N/a*)*', $request);
}

sub answer {
    my ($product, $wall, $cpu, $output_most, $file_most, $files, $disk_most, $cache_most, $inputs, @words) = @_;
    my %inputs = splice @words, 0, 2 * $inputs;
    for my $name (qw(work home tmp)) { mkdir "$folder/$name", 0700 or die "mkdir $name: $!\n" }
    chdir "$folder/work" or die "chdir: $!\n";
    while (my ($name, $text) = each %inputs) {
        open my $file, '>:raw', $name or die "$name: $!\n";
        print {$file} $text           or die "$name: $!\n";
        close $file                   or die "$name: $!\n";
    }
    my $killed_before = memory_kills();
    my ($child, $output, $failed) = start(\@words, [$cpu, $file_most, $files]);
    my %end = $failed ? (status => 0, limit => '', cpu => 0) 
        : watch($child, $output, $wall, $output_most, $disk_most, $cache_most);
    end_all();
    my $text = $failed ? '' : rest($output, $end{text}, \$end{limit}, $output_most);
    my $memory_kills = memory_kills() - $killed_before;

    my ($size, $file) = (-1, undef);
    if (length $product && sysopen $file, $product, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) {
        $size = -s _ || 0 if stat $file and -f _ and (-s _ || 0) <= $file_most;
    }
    empty($cache) if $cache_most && usage($cache) > 2 * $cache_most;    # then it is no cache any more
    my $clean = empty($folder) && content('/proc/self/limits') eq $own_limits;
    say_list('ended', $failed, $end{status}, $end{limit}, $end{cpu}, $memory_kills, $clean ? 1 : 0, $size, $text);
    for (my $left = $size; $left > 0;) {
        my $got = sysread $file, my $part, $left < $chunk ? $left : $chunk;
        die "reading $product: $!\n" unless $got;
        send_all($part);
        $left -= $got;
    }
}

# Fork and exec. The third value returned is 0, or the errno with which the program could not be executed.
sub start {
    my ($argv, $limits) = @_;
    pipe my $output,  my $into or die "pipe: $!\n";
    pipe my $failure, my $told or die "pipe: $!\n";
    my $child = fork // die "fork: $!\n";
    if ($child == 0) {
        eval { become($argv, $limits, $into) };
        syswrite $told, $! + 0;
        POSIX::_exit(127);
    }
    close $_ for $into, $told;
    my $errno = '';
    while (!defined sysread $failure, $errno, 16) { die "pipe: $!\n" unless $!{EINTR} }    # exec closes it: nothing
    return ($child, $output, $errno || 0);
}

sub become {
    my ($argv, $limits, $into) = @_;
    my ($cpu, $file_most, $files) = @$limits;
    $SIG{$_} = 'DEFAULT' for qw(CHLD PIPE);
    POSIX::setsid();
    open STDIN,  '<',  '/dev/null' or die;
    open STDOUT, '>&', $into       or die;
    open STDERR, '>&', $into       or die;
    # Whoever starves is to be a command: of memory (the kernel kills the highest score), or of the processor.
    if (open my $score, '>', '/proc/self/oom_score_adj') { print {$score} 1000; close $score }
    setpriority 0, 0, 10;
    limit($RLIMIT_CPU, $cpu, $cpu + 1);    # SIGXCPU first, which says why; then SIGKILL
    limit($RLIMIT_FSIZE, ($file_most) x 2);
    limit($RLIMIT_NOFILE, ($files) x 2);
    limit($_, 0, 0) for $RLIMIT_CORE, $RLIMIT_MSGQUEUE;
    umask 077;
    my @environment = (
        'PATH=/usr/bin:/bin', 'LC_ALL=C', "HOME=$folder/home", "TMPDIR=$folder/tmp", 'SOURCE_DATE_EPOCH=0',
    );
    # Perl's own exec would have a shell read what the kernel cannot execute.
    syscall $execve, $argv->[0], map { pack('p*', @$_) . pack('J', 0) } $argv, \@environment;
}

sub limit {
    my ($kind, $soft, $hard) = @_;
    my $values = pack 'QQ', $soft, $hard;
    syscall($prlimit, 0, $kind, $values, 0) == 0 or die;
}

# Until the command's own process has ended, or a limit is hit.
sub watch {
    my ($child, $output, $wall, $output_most, $disk_most, $cache_most) = @_;
    my ($text, $eof, $limit, $status) = ('', 0, '', -9);
    my ($started, undef, undef, @spent) = POSIX::times();
    my $cpu = 0;
    my $due = $disk_most ? $started + $ticks / 2 : 9**99;
    while (!$limit) {
        my ($now, undef, undef, @total) = POSIX::times();
        my $left = $wall - ($now - $started) / $ticks;
        my $pid = waitpid -1, POSIX::WNOHANG();
        if ($pid == $child) {
            my (undef, undef, undef, @after) = POSIX::times();
            $cpu = ($after[0] + $after[1] - $spent[0] - $spent[1]) / $ticks;
            $status = $? & 127 ? -($? & 127) : $? >> 8;
            last;
        }
        next if $pid > 0;    # an orphan of the command's
        $limit = 'time' if $left <= 0;
        $limit = 'full' if $disk_most && available() < $reserve;
        if ($now >= $due) {
            $limit = 'disk' if usage($folder) > $disk_most || ($cache_most && usage($cache) > 2 * $cache_most);
            my ($after) = POSIX::times();
            my $pause = 40 * ($after - $now);
            $due = $after + ($pause > $ticks / 2 ? $pause : $ticks / 2);
        }
        my $ready = '';
        vec($ready, 0, 1) = 1;
        vec($ready, fileno $output, 1) = 1 unless $eof;
        next if select($ready, undef, undef, $left < 0.05 ? 0.01 : 0.05) <= 0;
        exit 0 if vec $ready, 0, 1;    # nobody is to speak now: whoever listened is gone
        $eof = !sysread $output, $text, $chunk, length $text if vec $ready, fileno $output, 1;
        $limit = 'output' if length $text > $output_most;
    }
    return (text => $text, limit => $limit, status => $status, cpu => $cpu);
}

# What was written last: all writers are dead, so the pipe has an end.
sub rest {
    my ($output, $text, $limit, $output_most) = @_;
    1 while length $text <= $output_most && sysread $output, $text, $chunk, length $text;
    $$limit ||= 'output' if length $text > $output_most;
    return substr $text, 0, $output_most;
}

# kill(-1) holds the kernel's list of processes: no fork slips through. Again until there is no child left to wait for.
sub end_all {
    do { kill 'KILL', -1 } while waitpid(-1, 0) > 0;
}

# Bytes of disk below a folder, as `disk_usage.py` counts them; more than any limit where a part of it is closed to us.
sub usage {
    my @waiting = @_;
    my ($bytes, %seen) = (0);
    while (defined(my $path = pop @waiting)) {
        opendir my $listing, $path or do { next if $!{ENOENT} || $!{ENOTDIR}; return 9**99 };
        for (readdir $listing) {
            next if $_ eq '.' || $_ eq '..';
            my (undef, $inode, undef, $links, @found) = lstat "$path/$_" or next;
            $bytes += 4096;    # so that files with nothing in them have an end, too
            if (-d _) { push @waiting, "$path/$_" }
            elsif ($links > 1 && $seen{$inode}++) { next }
            $bytes += 512 * $found[-1];
        }
    }
    return $bytes;
}

# Bytes that the disk has left for anybody; statfs(2).
sub available {
    my $values = "\0" x 256;
    syscall($statfs, $folder, $values) == 0 or die "statfs: $!\n";
    my ($size, $blocks) = unpack $machine eq 's390x' ? 'x4 L x16 Q' : 'x8 Q x16 Q', $values;
    return $size * $blocks;
}

# Remove everything below a folder of ours, or return false.
sub empty {
    my ($path) = @_;
    chdir $path or return 0;
    my @left = entries($path);
    system 'rm', '-rf', '--', @left if @left;
    @left = entries($path) or return 1;
    system 'chmod', '-R', 'u+rwx', '--', @left;
    system 'rm', '-rf', '--', @left;
    return !entries($path);
}

sub entries {
    my ($path) = @_;
    opendir my $listing, $path or return ('.');
    return map { "./$_" } grep { $_ ne '.' && $_ ne '..' } readdir $listing;
}

# How many processes the kernel killed because the container had used up its memory. A kill while the limit was never
# met is the whole machine's need, and none of the command's doing.
sub memory_kills {
    my ($events, $met);
    if (defined($events = content('/sys/fs/cgroup/memory.events'))) {
        ($met) = $events =~ /^oom (\d+)/m;
    }
    else {
        $events = content('/sys/fs/cgroup/memory/memory.oom_control') // '';
        # Kernels of today count no failures here (memory.failcnt stays 0); how near the limit it came tells, too.
        my ($most, $limit) = map { content("/sys/fs/cgroup/memory/memory.${_}_in_bytes") // 0 } qw(max_usage limit);
        $met = $most + (1 << 20) >= $limit;
    }
    my ($kills) = $events =~ /^oom_kill (\d+)/m;
    return $met ? $kills || 0 : 0;
}

sub content {
    my ($path) = @_;
    open my $file, '<', $path or return;
    local $/;
    return scalar <$file>;
}

sub receive {
    my ($wanted) = @_;
    my $got = '';
    while (length $got < $wanted) {
        my $read = sysread STDIN, $got, $wanted - length $got, length $got;
        next if !defined $read && $!{EINTR};
        return unless $read;
    }
    return $got;
}

sub say_list {
    my $message = pack '(N/a*)*', @_;
    send_all(pack('N', length $message) . $message);
}

sub send_all {
    my ($data) = @_;
    for (my $at = 0; $at < length $data;) {
        my $written = syswrite STDOUT, $data, $chunk, $at;
        next if !defined $written && $!{EINTR};
        exit 0 unless $written;
        $at += $written;
    }
}
