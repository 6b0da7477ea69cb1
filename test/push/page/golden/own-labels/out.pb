{"name":"h","type":4,"metric":[{"histogram":{"count":1,"sum":1,"bucket":[{"count":1,"le":1}],"created":{"seconds":1700000000,"nanos":125000000}}}]}
