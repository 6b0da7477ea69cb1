{"name":"g","type":1,"metric":[{"gauge":{"value":1}}]}
{"name":"h","type":4,"metric":[{"histogram":{"count":2,"sum":3,"bucket":[{"count":1,"le":1}],"created":{"seconds":1700000000,"nanos":125000000}}},{"label":[{"name":"a","value":"1"}],"histogram":{"count":2,"sum":"NaN","created":{"seconds":1700000000,"nanos":125000000}}}]}
{"name":"h","type":1,"metric":[{"gauge":{"value":5}}]}
